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
// # What a server says
//
// No answer is believed without bounds. An event has at most 8 MiB, a stream 16 MiB and 16 KiB for each token that
// was asked for; a longer one is malformed, as is a count that is not a whole number. A count that no server can have
// counted (negative, or of more than nine digits), cached tokens beyond the prompt's, and a wait that is negative or
// longer than the client saw the request take are as if the server had not told them: null in the record. So an
// answer whose output tokens are one of these is short, not ok. A redirect is an error of the request (rc http), and
// nothing is sent to where it points.
//
// # Phases
//
// A request belongs to the phase of its intended send, and the ends of warm-up and measure lie on a fixed
// grid (see stages), so the order of simultaneous events decides nothing.
package load
