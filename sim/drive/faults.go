package drive

// scheduleFaults lets a fault happen to every limiter's and engine's shard of
// that place.
func (d *driver) scheduleFaults() {
	s, ok := d.stage.(*embedded)
	if !ok {
		return
	}
	for _, f := range d.plan.Faults {
		d.clock.Call(f.At, func() {
			for _, fleet := range s.fleets {
				fleet.Shards[f.Shard].Restart()
			}
		})
	}
}
