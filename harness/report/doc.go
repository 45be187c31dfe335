// Package report renders what a run concluded. report.json is the one source; the table, the CSV, the
// figures and the HTML page are renderings of it.
package report
