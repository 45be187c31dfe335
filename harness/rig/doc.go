// Package rig is where cells run, and whose time it is. A rig opens machines: an endpoint, the telemetry behind it,
// and what can be done to it. Load and telemetry cannot tell which one they talk to; nothing outside a rig's own
// package asks for its name.
//
// A rig is a package below this one and a line in the table of package harness.
package rig
