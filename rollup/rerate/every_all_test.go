//go:build testall

package rerate

import "testing"

func TestAStopAfterEveryStep(t *testing.T) { stopAnywhere(t, 1) }

func TestTwoProcessesAtEveryStep(t *testing.T) { twoProcesses(t, 1) }

func TestCallsArriveInMoreWays(t *testing.T) { callsArrive(t, 2, 8) }
