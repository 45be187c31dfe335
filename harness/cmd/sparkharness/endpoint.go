package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"time"

	"github.com/spf13/cobra"

	"sparkharness/harness/load"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// modelWait bounds the question for the served model.
const modelWait = 10 * time.Second

// endpoint is the server that a command sends to.
type endpoint struct {
	url    string
	keyEnv string // the environment variable with the API key; "" for none
	remote bool
	http   *outgoing.Client
}

// whereItGoes is what the help of each command that sends says of it.
const whereItGoes = `Nothing is sent beyond this machine's loopback without --remote, and no redirect is followed. The API key comes from
the environment, goes to the scheme, host and port of --url alone, and is in no line and no message.`

// flags are those of where requests go. --url is required.
func (e *endpoint) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.url, "url", "", "endpoint, such as http://127.0.0.1:9000, without /v1")
	f.BoolVar(&e.remote, "remote", false, "let --url be on another machine")
	f.StringVar(&e.keyEnv, "api-key-env", "", "`name` of the environment variable that holds the API key")
	needs(cmd, "url")
}

// needs makes flags required.
func needs(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is not defined
		}
	}
}

// connect makes the client, with the key that the environment variable holds, if one is named. What package net/http logs
// of what a server sends unasked goes to notes until close is called.
func (e *endpoint) connect(notes io.Writer) (closed func(), err error) {
	var key outgoing.Secret
	if e.keyEnv != "" {
		if key, err = outgoing.SecretFrom(e.keyEnv); err != nil {
			return nil, fmt.Errorf("--api-key-env: %w", err)
		}
	}
	if e.http, err = outgoing.New(outgoing.Options{Remote: e.remote}).For(e.url, key); err != nil {
		return nil, fmt.Errorf("--url %s: %w%s", outgoing.Shown(e.url), err, advice(err))
	}
	before := log.Writer()
	log.SetOutput(e.http.Log(notes))
	return func() {
		log.SetOutput(before)
		e.http.CloseIdleConnections()
	}, nil
}

// advice is what to do about a URL that is refused.
func advice(err error) string {
	if outgoing.IsRemote(err) {
		return " (--remote)"
	}
	return ""
}

// model is the id of the served model.
func (e *endpoint) model(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, modelWait)
	defer cancel()
	id, err := load.ServedModel(ctx, e.http, e.url)
	if err != nil {
		return "", fmt.Errorf("--url: %w", err)
	}
	return id, nil
}

// checkAPI refuses an API that there is not.
func checkAPI(api string) error {
	if api != load.APICompletions && api != load.APIChat {
		return fmt.Errorf("--api: api %q is not completions or chat", api)
	}
	return nil
}

// createLines creates the file of the raw lines, which the flag names; each reaches it at once. other is what to choose where
// it is there already.
func createLines(flag, path, other string) (*record.Writer, error) {
	w, err := record.Create(path, 0)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("--%s: %w: choose another %s, measured lines are never overwritten", flag, err, other)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return w, nil
}
