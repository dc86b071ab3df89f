package drive

// scheduleFaults lets a fault happen to every limiter's and engine's shard of
// that place.
func (d *driver) scheduleFaults() {
	for _, f := range d.plan.Faults {
		d.sched.Call(f.At, func() {
			for _, w := range d.worlds {
				w.fleet.Shards[f.Shard].Restart()
			}
			if d.quotas != nil {
				for _, e := range d.quotas.engines {
					e.fleet.Shards[f.Shard].Restart()
				}
			}
		})
	}
}
