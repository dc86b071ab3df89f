package run

// AsOne plays the worlds of a plan as one.
func (o Options) AsOne() Options {
	o.oneWorld = true
	return o
}
