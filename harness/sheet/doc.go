// Package sheet is what storage engineers paste from a run: the drive and how it was used (Markdown), the loader's I/O as a
// job file that fio runs again, and the traffic of the KV tiers as a trace with the columns of MLPerf Storage's KV cache
// benchmark (kvcache).
//
// Everything follows from the files of a run's folder, so that it works on runs of other machines and of earlier versions.
// What a run does not tell is left out, or a dash, and never 0.
package sheet
