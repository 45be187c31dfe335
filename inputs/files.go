// Package inputs carries the folder's files in programs that are compiled from this repository.
package inputs

import "embed"

// Files are inputs/ as it was when the program was compiled.
//
//go:embed lora_lists prompts traces
var Files embed.FS
