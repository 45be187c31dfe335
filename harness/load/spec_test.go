package load

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func TestSpecIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := nobody().spec(t)
		require.NoError(t, good.Check())
		for want, change := range map[string]func(*Spec){
			"run id":          func(s *Spec) { s.RunID = "" },
			"model id":        func(s *Spec) { s.ModelID = "" },
			"context tokens":  func(s *Spec) { s.ContextTokens = 0 },
			"neither Closed":  func(s *Spec) { s.Loop = nil },
			"users 0":         func(s *Spec) { s.Loop = Closed{Think: good.Output} },
			"no think time":   func(s *Spec) { s.Loop = Closed{Users: 1} },
			"no pacer":        func(s *Spec) { s.Loop = Open{} },
			"rate 0":          func(s *Spec) { s.Loop = Open{Poisson{}} },
			"output length":   func(s *Spec) { s.Output = nil },
			"prompter":        func(s *Spec) { s.Prompter = nil },
			`nonce ""`:        func(s *Spec) { s.Nonce = "" },
			"reuses nothing":  func(s *Spec) { s.Nonce, s.Loop = NoncePerUser, Open{Poisson{1}} },
			"request timeout": func(s *Spec) { s.Timeout = 0 },
			`api ""`:          func(s *Spec) { s.API = "" },
			`dialect "moon"`:  func(s *Spec) { s.Dialect = "moon" },
			"base url":        func(s *Spec) { s.BaseURL = "127.0.0.1:8355" },
			"not loopback":    func(s *Spec) { s.BaseURL = "http://10.0.0.1:8355" },
			`/v1" is not`:     func(s *Spec) { s.BaseURL += "/v1" },
			"http client is":  func(s *Spec) { s.HTTP = nil },
			"warm-up min":     func(s *Spec) { s.Warmup.Min = -1 },
			"warm-up max":     func(s *Spec) { s.Warmup.Max = 1 },
			"passes 0":        func(s *Spec) { s.Warmup.Passes = 0 },
			"duration 0s":     func(s *Spec) { s.Duration = 0 },
			"max duration 0s": func(s *Spec) { s.MaxDuration = 0 },
			"min requests":    func(s *Spec) { s.MinRequests = 0 },
			"clock zero":      func(s *Spec) { s.Start = time.Time{} },
		} {
			bad := good
			change(&bad)
			_, err := Run(t.Context(), bad, func(*record.Request) error { return nil }, func(string) {})
			require.ErrorContains(t, err, want)
		}
		_, err := Run(t.Context(), good, nil, nil)
		require.ErrorContains(t, err, "callbacks")
		err = (&Spec{}).Check()
		require.ErrorContains(t, err, "run id")
		require.ErrorContains(t, err, "clock zero", "all faults at once")
	})
}
