package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"gopkg.in/yaml.v3"
)

// Encode writes a configuration as YAML that the strict reader accepts: what a run saves as the effective
// configuration.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode a configuration: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("encode a configuration: %w", err)
	}
	return b.Bytes(), nil
}

// Digest is the SHA-256, in hexadecimal, of effective configurations, in the order given. It depends on
// their values only: not on comments, on the order of fields, on how a size is spelled, or on where the
// file is.
func Digest(parts ...any) (string, error) {
	// An array of JSON values is unambiguous: no two lists of parts share an encoding. encoding/json sorts
	// the keys of maps.
	data, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("digest a configuration: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
