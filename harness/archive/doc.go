// Package archive packs the folders of runs into one file that can be sent, and lays such a file out again: a .tar.gz in which
// the same folders leave the same bytes, whoever packs them and when, with the sum of every file. What looks like a secret is
// not packed, and nothing is laid out beside the folder that is meant for it.
package archive
