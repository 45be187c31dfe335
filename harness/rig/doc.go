// Package rig is where cells run: a simulated Spark today, real machines behind the same interface.
// A rig opens an endpoint and the telemetry of the machine behind it; load and telemetry cannot tell
// which one they talk to.
package rig
