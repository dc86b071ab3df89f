package scenarios

// observations checks what of a run is recorded.
func (c *checker) observations() {
	if c.s.Observations != "sampled" && c.written("sample_rate") && c.good("observations") {
		c.fail("sample_rate", "only observations: sampled has a rate, found observations: %s", c.s.Observations)
	}
}
