package record

func (r *Request) line(c codec) {
	c.key(`{"run_id":`)
	c.text(&r.RunID)
	c.key(`,"ts":`)
	c.number(&r.TS)
	c.key(`,"stack":`)
	c.text(&r.Stack)
	c.key(`,"model":`)
	c.text(&r.Model)
	c.key(`,"workload":`)
	c.text(&r.Workload)
	c.key(`,"context_tokens":`)
	c.integer(&r.ContextTokens)
	c.key(`,"concurrency":`)
	c.integer(&r.Concurrency)
	c.key(`,"lat_ttft_ms":`)
	c.optNumber(&r.TTFTms)
	c.key(`,"lat_e2e_ms":`)
	c.optNumber(&r.E2Ems)
	c.key(`,"rc":`)
	c.text(&r.RC)
	c.key(`,"user":`)
	c.integer(&r.User)
	c.key(`,"seq":`)
	c.integer(&r.Seq)
	c.key(`,"session":`)
	c.optInteger(&r.Session)
	c.key(`,"turn":`)
	c.optInteger(&r.Turn)
	c.key(`,"reusable_tokens":`)
	c.optInteger(&r.Reusable)
	c.key(`,"adapter":`)
	c.optText(&r.Adapter)
	c.key(`,"phase":`)
	c.text(&r.Phase)
	c.key(`,"intended_ts":`)
	c.number(&r.IntendedTS)
	c.key(`,"send_lag_ms":`)
	c.number(&r.SendLagMS)
	c.key(`,"prompt_tokens":`)
	c.optInteger(&r.PromptTokens)
	c.key(`,"cached_tokens":`)
	c.optInteger(&r.CachedTokens)
	c.key(`,"output_tokens":`)
	c.optInteger(&r.OutputTokens)
	c.key(`,"asked_tokens":`)
	c.integer(&r.AskedTokens)
	c.key(`,"itl_p50_ms":`)
	c.optNumber(&r.ITLp50ms)
	c.key(`,"itl_max_ms":`)
	c.optNumber(&r.ITLmaxMS)
	c.key(`,"itl_mean_ms":`)
	c.optNumber(&r.ITLmeanMS)
	c.key(`,"headers_ms":`)
	c.optNumber(&r.HeadersMS)
	c.key(`,"server_wait_ms":`)
	c.optNumber(&r.ServerWaitMS)
	c.key(`,"censored":`)
	c.flag(&r.Censored)
	c.key(`,"error":`)
	c.optText(&r.Error)
	may := func(text string, v **float64) {
		if c.maybe(text, *v != nil) {
			c.optNumber(v)
		}
	}
	may(`,"tokens_per_chunk":`, &r.TokensPerChunk)
	may(`,"chunk_gap_p50_ms":`, &r.ChunkGapP50MS)
	may(`,"chunk_gap_max_ms":`, &r.ChunkGapMaxMS)
	if c.maybe(`,"sent_again":`, r.SentAgain) {
		c.flag(&r.SentAgain)
	}
	if c.maybe(`,"conn_reused":`, r.ConnReused != nil) {
		c.optFlag(&r.ConnReused)
	}
	c.key(`}`)
}

func (s *SysSample) line(c codec) {
	c.key(`{"ts":`)
	c.number(&s.TS)
	c.key(`,"dt_ms":`)
	c.number(&s.DtMS)
	c.key(`,"phase":`)
	c.text(&s.Phase)
	c.key(`,"cpu":`)
	optional(c, &s.CPU, (*CPU).fields)
	c.key(`,"mem":`)
	optional(c, &s.Mem, (*Mem).fields)
	c.key(`,"gpu":`)
	optional(c, &s.GPU, (*GPU).fields)
	c.key(`,"nvme":`)
	optional(c, &s.NVMe, (*NVMe).fields)
	c.key(`,"psi":`)
	optional(c, &s.PSI, (*PSI).fields)
	c.key(`,"engine":`)
	optional(c, &s.Engine, (*Engine).fields)
	if c.maybe(`,"server_io":`, s.Server != nil) {
		optional(c, &s.Server, (*ServerIO).fields)
	}
	if c.maybe(`,"fio":`, s.Fio != nil) {
		optional(c, &s.Fio, (*Fio).fields)
	}
	if c.maybe(`,"probe":`, s.Probe != nil) {
		optional(c, &s.Probe, (*Probe).fields)
	}
	if c.maybe(`,"reset":`, s.Reset) {
		c.flag(&s.Reset)
	}
	c.key(`}`)
}

func (p *CPU) fields(c codec) {
	c.key(`{"user":`)
	c.number(&p.User)
	c.key(`,"system":`)
	c.number(&p.System)
	c.key(`,"iowait":`)
	c.number(&p.IOWait)
	c.key(`,"idle":`)
	c.number(&p.Idle)
	c.key(`}`)
}

func (m *Mem) fields(c codec) {
	c.key(`{"MemAvailable":`)
	c.optNumber(&m.Available)
	c.key(`,"Cached":`)
	c.optNumber(&m.Cached)
	c.key(`,"SwapTotal":`)
	c.optNumber(&m.SwapTotal)
	c.key(`,"SwapFree":`)
	c.optNumber(&m.SwapFree)
	c.key(`}`)
}

func (g *GPU) fields(c codec) {
	c.key(`{"util":`)
	c.optNumber(&g.Util)
	c.key(`,"mem_used_bytes":`)
	c.optNumber(&g.MemUsedBytes)
	c.key(`,"power_w":`)
	c.optNumber(&g.PowerW)
	c.key(`,"sm_clock_mhz":`)
	c.optNumber(&g.SMClockMHz)
	c.key(`,"throttled":`)
	c.optFlag(&g.Throttled)
	if c.maybe(`,"sm_clock_max_mhz":`, g.SMClockMaxMHz != nil) {
		c.optNumber(&g.SMClockMaxMHz)
	}
	c.key(`}`)
}

func (n *NVMe) fields(c codec) {
	c.key(`{"rps":`)
	c.number(&n.RPS)
	c.key(`,"rMBs":`)
	c.number(&n.RMBs)
	c.key(`,"wps":`)
	c.number(&n.WPS)
	c.key(`,"wMBs":`)
	c.number(&n.WMBs)
	c.key(`,"r_await_ms":`)
	c.optNumber(&n.RAwait)
	c.key(`,"w_await_ms":`)
	c.optNumber(&n.WAwait)
	c.key(`,"aqu_sz":`)
	c.number(&n.AquSz)
	c.key(`,"util_pct":`)
	c.number(&n.UtilPct)
	c.key(`,"reads":`)
	c.number(&n.Reads)
	c.key(`,"read_bytes":`)
	c.number(&n.ReadBytes)
	c.key(`,"read_ms":`)
	c.number(&n.ReadMS)
	c.key(`,"writes":`)
	c.number(&n.Writes)
	c.key(`,"write_bytes":`)
	c.number(&n.WriteBytes)
	c.key(`,"write_ms":`)
	c.number(&n.WriteMS)
	c.key(`,"io_ms":`)
	c.number(&n.IOms)
	c.key(`,"weighted_ms":`)
	c.number(&n.WeightedMS)
	c.key(`}`)
}

func (p *PSI) fields(c codec) {
	c.key(`{"io_some_us":`)
	c.optNumber(&p.IOSomeUS)
	c.key(`,"io_full_us":`)
	c.optNumber(&p.IOFullUS)
	c.key(`,"mem_some_us":`)
	c.optNumber(&p.MemSomeUS)
	c.key(`,"mem_full_us":`)
	c.optNumber(&p.MemFullUS)
	c.key(`}`)
}

func (e *Engine) fields(c codec) {
	c.key(`{"running":`)
	c.optNumber(&e.Running)
	c.key(`,"waiting":`)
	c.optNumber(&e.Waiting)
	c.key(`,"context":`)
	c.optNumber(&e.Context)
	c.key(`,"kv_used_blocks":`)
	c.optNumber(&e.KVUsedBlocks)
	c.key(`,"kv_max_blocks":`)
	c.optNumber(&e.KVMaxBlocks)
	c.key(`,"iter_ms":`)
	c.optNumber(&e.IterMS)
	c.key(`}`)
}

func (p *Probe) fields(c codec) {
	c.key(`{"n":`)
	c.number(&p.N)
	c.key(`,"mean_us":`)
	c.optNumber(&p.MeanUS)
	c.key(`,"p50_us":`)
	c.optNumber(&p.P50US)
	c.key(`,"p99_us":`)
	c.optNumber(&p.P99US)
	c.key(`}`)
}

func (f *Fio) fields(c codec) {
	c.key(`{"read_bytes":`)
	c.number(&f.ReadBytes)
	c.key(`,"write_bytes":`)
	c.number(&f.WriteBytes)
	c.key(`}`)
}

func (s *KVSample) line(c codec) {
	c.key(`{"ts":`)
	c.number(&s.TS)
	c.key(`,"phase":`)
	c.text(&s.Phase)
	c.key(`,"kv_block_size_bytes":`)
	c.optNumber(&s.BlockSizeBytes)
	c.key(`,"matched_tokens":`)
	c.optNumber(&s.MatchedTokens)
	c.key(`,"tier0":`)
	s.Tier0.fields(c)
	c.key(`,"tier1":`)
	s.Tier1.fields(c)
	c.key(`,"tier2":`)
	s.Tier2.fields(c)
	c.key(`,"evictions":`)
	c.optNumber(&s.Evictions)
	c.key(`,"prefetches":`)
	c.optNumber(&s.Prefetches)
	if c.maybe(`,"derived":`, len(s.Derived) > 0) {
		c.texts(&s.Derived)
	}
	if c.maybe(`,"born":`, len(s.Born) > 0) {
		c.texts(&s.Born)
	}
	if c.maybe(`,"failed":`, s.Failed != nil) {
		c.optText(&s.Failed)
	}
	c.key(`}`)
}

func (t *KVTier) fields(c codec) {
	c.key(`{"hits":`)
	c.optNumber(&t.Hits)
	c.key(`,"misses":`)
	c.optNumber(&t.Misses)
	c.key(`,"bytes_in":`)
	c.optNumber(&t.BytesIn)
	c.key(`,"bytes_out":`)
	c.optNumber(&t.BytesOut)
	may := func(text string, v **float64) {
		if c.maybe(text, *v != nil) {
			c.optNumber(v)
		}
	}
	may(`,"fetch_p50_ms":`, &t.FetchP50ms)
	may(`,"fetch_p95_ms":`, &t.FetchP95ms)
	may(`,"fetch_p99_ms":`, &t.FetchP99ms)
	may(`,"fetch_count":`, &t.FetchCount)
	may(`,"fetch_queue_ms_sum":`, &t.FetchQueueMS)
	may(`,"fetch_transfer_ms_sum":`, &t.FetchTransferMS)
	c.key(`}`)
}

func (p *PerfLine) line(c codec) {
	c.key(`{"request_id":`)
	c.text(&p.RequestID)
	c.key(`,"wait_ms":`)
	c.optNumber(&p.WaitMS)
	c.key(`,"prefill_ms":`)
	c.optNumber(&p.PrefillMS)
	c.key(`}`)
}
