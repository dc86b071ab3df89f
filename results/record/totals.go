package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// WriteTotals stores what is known of all observations of a run, recorded or
// not (see measure.Totals), in the record of w. finish of Close enters the
// hash in the manifest as TotalsHash.
func (w *Writer) WriteTotals(data []byte) (hash string, err error) {
	if err := replaceFile(filepath.Join(w.dir, TotalsFile), data); err != nil {
		return "", err
	}
	return totalsHash(data), nil
}

func totalsHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Totals returns what WriteTotals stored, nil if the record has none: of a
// run that kept none, or that died before it wrote them.
func (r *Reader) Totals() ([]byte, error) {
	if r.manifest.TotalsHash == "" {
		return nil, nil
	}
	path := filepath.Join(r.dir, TotalsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the record %s lacks the totals that its manifest lists: %w", r.dir, err)
	}
	if h := totalsHash(data); h != r.manifest.TotalsHash {
		return nil, fmt.Errorf("%s: %w: its hash is %s, the manifest says %s", path, ErrDamaged, h, r.manifest.TotalsHash)
	}
	return data, nil
}
