// Package trace reads, checks, describes and writes recorded request traffic: when requests came, how long
// they were, and what they share.
//
// # Format
//
// A trace is JSON Lines in the format of the traces published with Mooncake ("Mooncake: A KVCache-centric
// Disaggregated Architecture for LLM Serving", 2024), one request a line:
//
//	{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 48, 2353]}
//
// The timestamp is in milliseconds, of which fractions are kept to the microsecond, and never goes back. Lengths are tokens. A prompt is cut into blocks of
// 512 tokens, the last one often shorter, and each block has an id of its content and of all before it: two
// requests share a prefix exactly as far as their ids are the same. No text is in a trace.
//
// # Sessions
//
// Traces do not say which requests belong to one conversation, but the ids show it. A block counts as
// common (a system prompt) if more than 1 % of all requests of the file have it, and at least 17 requests;
// the session of a request is its first block that is not common, or its last block if all are. All
// requests that have a certain uncommon block also have the blocks before it, and so are of one session.
// To keep or to drop whole sessions therefore never parts the requests that share an uncommon block: only
// common prefixes lose requests, and those have enough.
package trace
