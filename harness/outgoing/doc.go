// Package outgoing is the one door through which HTTP requests leave this process, and through which foreign
// text comes to where people read it.
//
// A Client follows no redirect, uses no proxy, sends nothing beyond loopback unless told to, and sends an API key to
// the origin (scheme, host, port) that it was given for and nowhere else. What it says of a URL has neither user
// info nor the values of a query, and what it quotes of an answer has no control characters, no key, and an end.
//
// It speaks to the transport directly. An http.Client would follow redirects with the request's body, take
// credentials from URLs, and put the URL into its errors.
//
// # Bounds
//
// A header set has at most 64 KiB. What is read of a body is bounded by its reader: an event and a stream by package
// load, a metrics page by package telemetry.
package outgoing
