// Package load drives an OpenAI-compatible streaming endpoint and times what comes back.
//
// Spec says what to send; Run sends it and hands one record.Request per request to a sink. The package
// keeps no request in memory, does not know whether the server is simulated, and takes every instant
// from package time, so a run inside a testing/synctest bubble gives the same records every time.
//
// # Randomness
//
// Everything random about request (user, seq) is drawn from a PCG seeded by a hash of (Spec.Seed, user,
// seq): first its output length, then the think time before it, then its adapter. Arms of a block that
// share a seed therefore share users, lengths and think times, whatever the server does in between. In an
// open loop the arrivals are one further stream of the same seed. What a prompt says is seeded by its
// Prompter.
//
// # Users
//
// In a closed loop a user sends, waits for the end of the answer, thinks, and sends again; seq counts
// that user's requests over all phases. In an open loop every arrival is a new user: user is the arrival
// index and seq is 0. A replay is an open loop whose arrivals come from a trace.
//
// # Phases
//
// A request belongs to the phase of its intended send, and the ends of warm-up and measure lie on a fixed
// grid (see stages), so the order of simultaneous events decides nothing.
package load
