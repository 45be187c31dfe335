package serverrig

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A server that takes requests and answers none does not keep a cell from ending.
func TestServerHangs(t *testing.T) {
	f := newFake(t)
	r, e, err := opened(t, f, kind())
	require.NoError(t, err)
	r.patience = 300 * time.Millisecond
	m, err := r.Open(t.Context(), e.Stacks["A"])
	require.NoError(t, err)
	f.hangs.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	err = m.Begin(ctx, record.PlannedCell{})
	require.ErrorContains(t, err, "the server is not idle after 300ms without a load of ours")
	_, err = m.ReadBack(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(began), 10*time.Second)
	require.NoError(t, m.Close())
}
