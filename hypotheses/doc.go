// Package hypotheses is the test plan as tests: one file a hypothesis, each with its claim, its
// mechanism, what would refute it, and its decision rule. Run one with
//
//	cd hypotheses && go test -run H2A
//
// Index (the files hold the details; configs/hypotheses/ holds the sweeps and thresholds):
//
//	H0   queue saturation defines usable concurrency               stacks A, B   Llama-3.1-8B
//	H1   cold or warm LoRA adapters change their first touch       stack A       Llama-3.3-70B
//	H2A  context and concurrency create no KV storage traffic      stack A       Llama-3.3-70B
//	H2B  RAM tiers overflow into NVMe and a storage knee appears   stacks A, B   Llama-3.3-70B
//	H3   OS counters explain the tail of A and not that of B       stacks A, B   Llama-3.3-70B
//	H4A  a degraded NVMe hardly moves p99                          stack A       Llama-3.3-70B
//	H4B  a degraded NVMe raises p99 in proportion                  stack B       Llama-3.3-70B
//	H5   larger KV working sets worsen p95 and p99                 stack B       Llama-3.3-70B
//	H6   larger RAM tiers move the knee, policies spare fetches    stack B       Llama-3.3-70B
//	H7   KV telemetry explains NVMe traffic and p99, at no cost    stack B       Llama-3.3-70B
//	H8A  iowait stays flat while p99 grows from queueing           stack A       Llama-3.3-70B
//	H8B  r_await, and iowait or pressure, track p99                stack B       Llama-3.3-70B
//
// Beside them stands a comparison: DRIVES asks whether the choice between two drives for tier 2 matters, on stack B with Llama-3.1-8B.
//
// Stack A is trtllm-serve with its KV cache in unified memory only; stack B is Dynamo with KVBM's host
// and NVMe tiers. controls_test.go runs each hypothesis in worlds that lack its mechanism, where it must
// not come out Supported; errorrates_test.go counts over many seeds how often each verdict comes out.
package hypotheses
