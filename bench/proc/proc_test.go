package proc

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOwnProcess(t *testing.T) {
	pid := os.Getpid()
	before, err := CPU(pid)
	require.NoError(t, err)
	for began := before; began-before < 30*time.Millisecond; {
		began, err = CPU(pid)
		require.NoError(t, err)
	}
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = byte(i)
	}
	now, err := Resident(pid)
	require.NoError(t, err)
	require.Greater(t, now, int64(len(held)))
	most, err := Peak(pid)
	require.NoError(t, err)
	require.GreaterOrEqual(t, most, now)
	require.EqualValues(t, 1, held[1])
}

func TestTree(t *testing.T) {
	child := exec.Command("sleep", "60")
	require.NoError(t, child.Start())
	tree, err := Tree(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), tree[0])
	require.Contains(t, tree, child.Process.Pid)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	gone := child.Process.Pid
	for _, ask := range []func(int) error{
		func(pid int) error { _, err := CPU(pid); return err },
		func(pid int) error { _, err := Resident(pid); return err },
		func(pid int) error { _, err := Tree(pid); return err },
	} {
		require.ErrorIs(t, ask(gone), os.ErrNotExist)
	}
}
