// Package restore leaves a machine as it was found, whatever happens to the process that changed it. What is about to be
// done is noted, with how it is undone, in a journal that reaches the disk before anything else happens; what has been
// undone is noted, too. A process that is killed leaves its journal, and the next one that opens the folder of journals
// undoes what stands in it.
//
// The folder belongs to the user and the machine (Home), not to a run: the next start may write its results elsewhere, and
// what was left is no less left for that. It is not in the user's cache either, which anybody may empty.
//
// Nothing is ended or removed on the word of a number or a name alone. Each entry has a token that nobody can guess: a
// process carries it in its environment, a folder in a file, a file in its name, a container in a label. A process is known
// by its number together with the time of its start and the boot, too, because numbers come round again.
//
// Beside the journals lies the turn to measure: one run of a user's at a time measures on a machine.
package restore
