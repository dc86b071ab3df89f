package rediscmd

import "testing"

func TestSlot(t *testing.T) {
	for _, tt := range []struct {
		why, key string
		want     int
	}{
		{"the check value of CRC-16/XMODEM, 0x31C3", "123456789", 0x31C3},
		{"as CLUSTER KEYSLOT says", "foo", 12182},
		{"a tag", "a{foo}b", 12182},
		{"only the first tag counts", "{foo}{bar}", 12182},
		{"an empty tag is none", "{}foo", 9500},
		{"no key", "", 0},
	} {
		if got := Slot(tt.key); got != tt.want {
			t.Errorf("%s: slot %d of %q, expected %d", tt.why, got, tt.key, tt.want)
		}
	}
}
