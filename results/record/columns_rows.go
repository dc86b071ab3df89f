package record

// The functions below list a reader for every leaf of a row's schema. The
// first column of a list makes its elements, so it must stand before the
// others of the same list.

func observationColumns() []column[Observation] {
	takes := func(o *Observation) *[]Take { return &o.Takes }
	touched := func(o *Observation) *[]Touch { return &o.Touched }
	return []column[Observation]{
		scalar(int64s(), "seq", func(o *Observation) *int64 { return &o.Seq }),
		scalar(int64s(), "arrival", func(o *Observation) *int64 { return &o.Arrival }),
		scalar(texts(), "traffic", func(o *Observation) *string { return &o.Traffic }),
		scalar(texts(), "client", func(o *Observation) *string { return &o.Client }),
		scalar(texts(), "limiter", func(o *Observation) *string { return &o.Limiter }),
		scalar(int32s(), "step", func(o *Observation) *int32 { return &o.Step }),
		scalar(int32s(), "attempt", func(o *Observation) *int32 { return &o.Attempt }),
		scalar(int64s(), "done", func(o *Observation) *int64 { return &o.Done }),
		scalar(int64s(), "intended", func(o *Observation) *int64 { return &o.Intended }),
		scalar(int64s(), "sent", func(o *Observation) *int64 { return &o.Sent }),
		scalar(int64s(), "judged", func(o *Observation) *int64 { return &o.Judged }),
		scalar(int64s(), "effect", func(o *Observation) *int64 { return &o.Effect }),
		scalar(int64s(), "order", func(o *Observation) *int64 { return &o.Order }),
		scalar(texts(), "decision", func(o *Observation) *string { return (*string)(&o.Decision) }),
		scalar(texts(), "key", func(o *Observation) *string { return (*string)(&o.Key) }),
		scalar(int64s(), "remaining", func(o *Observation) *int64 { return &o.Remaining }),
		scalar(int64s(), "retry_after", func(o *Observation) *int64 { return &o.RetryAfter }),
		scalar(int32s(), "round_trips", func(o *Observation) *int32 { return &o.RoundTrips }),
		scalar(texts(), "error", func(o *Observation) *string { return &o.Error }),
		scalar(texts(), "message", func(o *Observation) *string { return &o.Message }),
		first(texts(), takes, "takes.list.element.limit", func(t *Take) *string { return &t.Limit }),
		further(texts(), takes, "takes.list.element.key", func(t *Take) *string { return &t.Key }),
		further(int64s(), takes, "takes.list.element.cost", func(t *Take) *int64 { return &t.Cost }),
		further(texts(), takes, "takes.list.element.mode", func(t *Take) *string { return (*string)(&t.Mode) }),
		further(texts(), takes, "takes.list.element.shard", func(t *Take) *string { return &t.Shard }),
		further(texts(), takes, "takes.list.element.state", func(t *Take) *string { return (*string)(&t.State) }),
		first(texts(), touched, "touched.list.element.shard", func(t *Touch) *string { return &t.Shard }),
		further(int32s(), touched, "touched.list.element.commands", func(t *Touch) *int32 { return &t.Commands }),
	}
}

func accountColumns() []column[Account] {
	contract := func(a *Account) *[]ContractSegment { return &a.Contract }
	return []column[Account]{
		scalar(int64s(), "id", func(a *Account) *int64 { return &a.ID }),
		scalar(texts(), "group", func(a *Account) *string { return &a.Group }),
		first(int64s(), contract, "contract.list.element.from", func(s *ContractSegment) *int64 { return &s.From }),
		further(int32s(), contract, "contract.list.element.kind", func(s *ContractSegment) *int32 { return &s.Kind }),
		further(int64s(), contract, "contract.list.element.anchor", func(s *ContractSegment) *int64 { return &s.Anchor }),
		further(int64s(), contract, "contract.list.element.limit", func(s *ContractSegment) *int64 { return &s.Limit }),
		scalar(bools(), "saved", func(a *Account) *bool { return &a.Saved }),
		numbers("at.list.element", func(a *Account) *[]int64 { return &a.At }),
		numbers("units.list.element", func(a *Account) *[]int64 { return &a.Units }),
	}
}

func evaluationColumns() []column[Evaluation] {
	return []column[Evaluation]{
		scalar(texts(), "engine", func(e *Evaluation) *string { return &e.Engine }),
		scalar(int64s(), "run", func(e *Evaluation) *int64 { return &e.Run }),
		scalar(int64s(), "account", func(e *Evaluation) *int64 { return &e.Account }),
		scalar(int64s(), "at", func(e *Evaluation) *int64 { return &e.At }),
		scalar(int64s(), "as_of", func(e *Evaluation) *int64 { return &e.AsOf }),
		scalar(texts(), "outcome", func(e *Evaluation) *string { return (*string)(&e.Outcome) }),
		scalar(texts(), "error", func(e *Evaluation) *string { return &e.Error }),
		scalar(int64s(), "read_from", func(e *Evaluation) *int64 { return &e.ReadFrom }),
		scalar(int64s(), "period_at", func(e *Evaluation) *int64 { return &e.PeriodAt }),
		scalar(bools(), "rolling", func(e *Evaluation) *bool { return &e.Rolling }),
		scalar(int64s(), "usage", func(e *Evaluation) *int64 { return &e.Usage }),
		scalar(int64s(), "limit", func(e *Evaluation) *int64 { return &e.Limit }),
		scalar(int64s(), "percent", func(e *Evaluation) *int64 { return &e.Percent }),
		scalar(int64s(), "threshold", func(e *Evaluation) *int64 { return &e.Threshold }),
		scalar(int64s(), "row_account", func(e *Evaluation) *int64 { return &e.RowAccount }),
		scalar(int64s(), "row_threshold", func(e *Evaluation) *int64 { return &e.RowThreshold }),
		scalar(int64s(), "row_at", func(e *Evaluation) *int64 { return &e.RowAt }),
		scalar(int64s(), "sent_at", func(e *Evaluation) *int64 { return &e.SentAt }),
		scalar(bools(), "delivered", func(e *Evaluation) *bool { return &e.Delivered }),
	}
}
