//go:build !linux

package cmd

// machineMemory returns 0: it is not known here.
func machineMemory() float64 { return 0 }
