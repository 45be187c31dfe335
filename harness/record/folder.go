package record

import "path/filepath"

// Files of a run's folder.
const (
	FileConfig   = "config.yaml"
	FilePlan     = "plan.json"
	FileManifest = "manifest.json"
	FileAttempts = "attempts.jsonl" // a line for each thing that was done to the folder
	DirCells     = "cells"

	DirServers    = "servers"    // logs and files of the servers that the run started; no cell has their sums
	DirQuarantine = "quarantine" // cells that were measured again, as they were before
)

// MaxConfig is the most bytes of a config.yaml: as many as the files that it is made of can have, some dozens.
const MaxConfig = 16 << 20

// Files of a cell's folder.
const (
	FileMetrics = "metrics.jsonl" // a line a request
	FileSysmon  = "sysmon.jsonl"  // a line a sample of the machine
	FileDynKV   = "dynkv.jsonl"   // a line a sample of the KV manager
	FilePerf    = "perf.jsonl"    // a line a request, as the server timed it
	FileCell    = "cell.json"
)

// Path is a file of a run's folder.
func Path(dir string, parts ...string) string {
	return filepath.Join(append([]string{dir}, parts...)...)
}

// CellPath is the folder of a complete cell in a run's folder.
func CellPath(dir string, cell Cell) string { return filepath.Join(dir, DirCells, cell.Folder()) }
