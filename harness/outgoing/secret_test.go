package outgoing

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSecretIsNotPrinted(t *testing.T) {
	key := Secret(secret)
	line, err := json.Marshal(map[string]any{"key": key})
	require.NoError(t, err)
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s %q %x", key, key, key, key, key, key), string(line)} {
		assert.NotContains(t, text, "secret")
		assert.NotContains(t, text, fmt.Sprintf("%x", "secret"))
	}
	assert.Empty(t, Secret("").String())
}

func TestSecretFrom(t *testing.T) {
	t.Setenv("OUTGOING_KEY", secret)
	key, err := SecretFrom("OUTGOING_KEY")
	require.NoError(t, err)
	assert.Equal(t, Secret(secret), key)

	t.Setenv("OUTGOING_EMPTY", "")
	_, err = SecretFrom("OUTGOING_EMPTY")
	assert.EqualError(t, err, "the environment variable OUTGOING_EMPTY is empty: put the key there")
	for _, value := range []string{secret + "\n", "two words", secret + "\x1b", "schlüssel"} {
		t.Setenv("OUTGOING_BAD", value)
		_, err = SecretFrom("OUTGOING_BAD")
		require.ErrorContains(t, err, "the environment variable OUTGOING_BAD: the key has a blank")
		assert.NotContains(t, err.Error(), "secret")
		_, err = New(Options{}).For("http://127.0.0.1", Secret(value))
		require.ErrorContains(t, err, "the key has a blank")
	}
	for _, name := range []string{secret, "sk secret", "", "1KEY"} {
		_, err = SecretFrom(name)
		require.EqualError(t, err, "must be the name of an environment variable, not the key itself")
	}
}
