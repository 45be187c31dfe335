//go:build spark

package serverrig

// Launches says that this build has the rig that starts servers itself.
const Launches = true
