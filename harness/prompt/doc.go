// Package prompt makes and serves the prompt texts of every workload, and counts their tokens.
//
// Three things live under inputs/. inputs/prompts/ holds one file a length, written by WriteAll from a
// seed, and index.json with their digests; Library reads them. inputs/lora_lists/ holds adapter names,
// one a line; ReadAdapters reads them. The files are committed so that a run needs no generation step,
// and a test regenerates them, so that they cannot drift from the code.
//
// # Vocabulary
//
// Counts use cl100k_base, because it is the published vocabulary nearest to Llama 3's that may be
// embedded: Llama 3's 128,256 tokens combine 100k tokens of a tiktoken vocabulary with 28k for other
// languages ("The Llama 3 Herd of Models", 2024, section 3.2) and 256 reserved ones. On English prose
// the two counts are close but not equal, and a server adds its own chat template. So the count here is
// nominal; the count that the server reports is the one that the prompt gate compares and believes.
//
// # Lines
//
// A text is tokenized line by line, cut after each '\n', and its tokens are the concatenation of its
// lines' tokens. The load generator and the simulated servers share this rule and so agree exactly. It
// makes a line's tokens independent of its neighbours, so they can be cached and a prompt can be cut
// without counting it again. Only a run of line breaks tokenizes differently in the whole text: the
// difference is under 1 % on these prompts.
//
// # What shares a prefix
//
// Each length has prose of its own, so two lengths share no prefix. With the same nonce and length a
// prompt is byte-identical. A nonce is a line of its own at the start, at most MaxNonceTokens long, so
// two prompts with different nonces already differ within the first 32-token block and share none.
package prompt
