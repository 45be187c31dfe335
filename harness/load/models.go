package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"sparkharness/harness/outgoing"
)

// ErrNoModel says that the server answers but serves no model: it is still loading, or its worker died.
var ErrNoModel = errors.New("the server lists no model (wait until it has loaded one)")

// maxModels bounds a list of models: a real one has some hundred bytes.
const maxModels = 1 << 20

// ServedModel reads the id of the (first) served model from /v1/models. The id is a basename on one
// server and a given name on the other, so it is read and never guessed. An error says what to do about the
// server; the caller says where its URL was given.
func ServedModel(ctx context.Context, client *outgoing.Client, baseURL string) (id string, err error) {
	if err := checkBase(client, baseURL); err != nil {
		return "", err
	}
	page := strings.TrimRight(baseURL, "/") + "/v1/models"
	req, err := client.Request(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if refusal := (*outgoing.Refusal)(nil); errors.As(err, &refusal) {
		return "", fmt.Errorf("%s: %w", page, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "", fmt.Errorf("%s: no answer in time (look at the server's log, wait until it is ready, or correct its URL): %w", page, err)
	}
	if err != nil {
		return "", fmt.Errorf("no server at %s (start it, or correct its URL): %w", baseURL, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxModels+1))
	if err != nil {
		return "", fmt.Errorf("%s: the answer is cut (look at the server's log, then try again): %w", page, err)
	}
	if resp.StatusCode != http.StatusOK {
		advice := "wait until the server is ready, or correct its URL"
		if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
			advice = "name the API key that it wants"
		}
		return "", fmt.Errorf("%s: HTTP %d: %s (%s)", page, resp.StatusCode, client.Quote(string(text)), advice)
	}
	if len(text) > maxModels {
		return "", fmt.Errorf("%s: a list of models longer than %d bytes: correct the server's URL", page, maxModels)
	}
	if id, err = firstModel(text); err != nil {
		return "", fmt.Errorf("%s: %w", page, client.Fit(err))
	}
	// The id goes into each request, each line and each table.
	if shown := client.Quote(id); shown != id {
		return "", fmt.Errorf("%s: a model id that is no name, %s: give the model another one where the server is started", page, shown)
	}
	return id, nil
}

// firstModel is the id of the first model of a list.
func firstModel(text []byte) (id string, err error) {
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return "", fmt.Errorf("not a list of models (correct the server's URL): %w", err)
	}
	if len(list.Data) == 0 || list.Data[0].ID == "" {
		return "", ErrNoModel
	}
	return list.Data[0].ID, nil
}

// ErrBaseURL says what is wrong with a URL that has more than a server's address.
var ErrBaseURL = errors.New("is not http(s)://host:port, and no more than that: take away /v1 and what else stands behind it")

// checkBase refuses what is not the base URL of a server that the client may send to. Its error, and whatever quotes
// a base URL that has passed, holds no secret.
func checkBase(client *outgoing.Client, baseURL string) error {
	u, err := url.Parse(baseURL)
	if err != nil || u.User != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(baseURL, "?#") {
		return fmt.Errorf("base url %q %w", outgoing.Shown(baseURL), ErrBaseURL)
	}
	if err := client.Permits(baseURL); err != nil {
		return fmt.Errorf("base url %q: %w", outgoing.Shown(baseURL), err)
	}
	return nil
}
