package record

// book is the manifest of a record that is being written. It is on disk as
// of the last closed part.
type book struct {
	dir      string
	manifest Manifest
}

// enter notes a closed part.
func (b *book) enter(note func(*Manifest)) error {
	note(&b.manifest)
	b.manifest.Hash = b.manifest.contentHash()
	return b.write()
}

func (b *book) write() error { return writeManifest(b.dir, &b.manifest) }

// take takes over what a Writer knows of the content.
func (m *Manifest) take(from *Manifest) {
	m.Count, m.Parts, m.Hash, m.MaxSettle = from.Count, from.Parts, from.Hash, from.MaxSettle
	m.AccountCount, m.AccountParts = from.AccountCount, from.AccountParts
	m.EvaluationCount, m.EvaluationParts = from.EvaluationCount, from.EvaluationParts
}
