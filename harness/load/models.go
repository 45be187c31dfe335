package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ErrNoModel says that the server answers but serves no model: it is still loading, or its worker died.
var ErrNoModel = errors.New("the server lists no model (wait until it has loaded one)")

// maxModels bounds a list of models: a real one has some hundred bytes.
const maxModels = 1 << 20

// ServedModel reads the id of the (first) served model from /v1/models. The id is a basename on one
// server and a given name on the other, so it is read and never guessed. An error says what to do about the
// server; the caller says where its URL was given.
func ServedModel(ctx context.Context, client *http.Client, baseURL string) (id string, err error) {
	url := strings.TrimRight(baseURL, "/") + "/v1/models"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("no server at %s (start it, or correct its URL): %w", baseURL, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxModels+1))
	if err != nil {
		return "", fmt.Errorf("%s: the answer is cut (look at the server's log, then try again): %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: HTTP %d: %s (wait until the server is ready, or correct its URL)", url, resp.StatusCode, excerpt(text))
	}
	if len(text) > maxModels {
		return "", fmt.Errorf("%s: a list of models longer than %d bytes: correct the server's URL", url, maxModels)
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return "", fmt.Errorf("%s: not a list of models (correct the server's URL): %w", url, err)
	}
	if len(list.Data) == 0 || list.Data[0].ID == "" {
		return "", fmt.Errorf("%s: %w", url, ErrNoModel)
	}
	return list.Data[0].ID, nil
}
