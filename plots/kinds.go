package plots

// Kinds are the names of the kinds of figures, in the order of a report.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}
