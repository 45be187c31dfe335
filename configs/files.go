// Package configs carries the folder's files in programs that are compiled from this repository.
package configs

import "embed"

// Files are configs/ as it was when the program was compiled.
//
//go:embed *.yaml drives engines fio hypotheses machines models plans profiles servers worlds
var Files embed.FS
