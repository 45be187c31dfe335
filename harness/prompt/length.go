package prompt

// length is a prompt length that WriteAll makes.
type length struct {
	tokens int
	alias  string // "" for none
}

// lengths are in ascending order. 64k is 64,000, not 65,536: a prompt must leave room for its answer in
// a context of 65,536 tokens.
var lengths = []length{
	{128, ""}, {256, ""}, {512, ""},
	{1024, "1k"}, {1536, ""}, {2048, "2k"}, {3072, ""}, {4096, "4k"}, {6144, ""}, {8192, "8k"}, {16384, "16k"}, {32768, "32k"}, {64000, "64k"},
}
