package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// written is a file with that text.
func written(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// spelled is a line with ids for a prompt of that many tokens.
func spelled(ms, input int, ids ...int64) string {
	return fmt.Sprintf(`{"timestamp": %d, "input_length": %d, "output_length": 9, "hash_ids": %s}`+"\n",
		ms, input, strings.ReplaceAll(fmt.Sprint(ids), " ", ", "))
}

// generated is a trace with those options.
func generated(t testing.TB, o GenerateOptions) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Generate(&b, o))
	return written(t, b.String())
}

// conversations has the size of the public conversation trace: about 12,000 requests in an hour, prompts
// of up to 126,000 tokens and 12,000 in the mean.
func conversations() GenerateOptions {
	return GenerateOptions{
		Seed: 3, Sessions: 1.72, Span: time.Hour, Turns: 2, Think: time.Minute, System: 1500,
		First: Lognormal{8800, 1.2}, User: Lognormal{2500, 1}, Output: Lognormal{350, 0.8}, MaxInput: 126_000,
	}
}

// all reads to the end.
func all(t testing.TB, r *Reader, err error) []Request {
	t.Helper()
	require.NoError(t, err)
	defer r.Close()
	var requests []Request
	for {
		req, err := r.Next()
		if errors.Is(err, io.EOF) {
			return requests
		}
		require.NoError(t, err)
		requests = append(requests, req)
	}
}

func readAll(t testing.TB, path string, o Options) []Request {
	t.Helper()
	r, err := OpenWith(path, o)
	return all(t, r, err)
}
