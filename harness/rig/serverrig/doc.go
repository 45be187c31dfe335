// Package serverrig is real servers on this machine, in real time: those that somebody else has started, named by their URLs, and,
// in a build with the tag spark, those that it starts itself by package launch. It watches them, empties caches where a server lets
// anybody do that, and does nothing else to one that it has not started.
package serverrig
