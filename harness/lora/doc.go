// Package lora looks at LoRA adapters that lie in files: a folder with a folder for each of them by its name, which holds
// adapter_config.json and the weights, as PEFT writes them and trtllm-serve and vLLM read them. It looks before a server does, so
// that what the server would not find, or would read from elsewhere, is told before anything is measured.
package lora
