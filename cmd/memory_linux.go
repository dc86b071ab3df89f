package cmd

import "golang.org/x/sys/unix"

// machineMemory returns the machine's memory in bytes; 0 if it is not known.
func machineMemory() float64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return float64(info.Totalram) * float64(info.Unit)
}
