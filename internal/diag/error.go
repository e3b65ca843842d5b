package diag

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrInterrupted ends a dump during which the kernel's table changed so that
// it no longer answers for having told everything once (NLM_F_DUMP_INTR). The
// messages before it are good.
var ErrInterrupted = errors.New("the table changed while it was read")

// ErrShort says that a message is too short for its kind.
var ErrShort = errors.New("the kernel's message is too short")

// Error says which table could not be read, or which request failed.
type Error struct {
	Op    string // "dial", "dump" or "destroy"
	Table string // tcp, unix, …; may be empty
	Err   error
}

// Error gives "sock_diag dump tcp: permission denied".
func (e *Error) Error() string {
	if e.Table == "" {
		return fmt.Sprintf("sock_diag %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("sock_diag %s %s: %v", e.Op, e.Table, e.Err)
}

// Unwrap returns the cause: ErrInterrupted, ErrShort, or an errno.
func (e *Error) Unwrap() error { return e.Err }

// Is makes a table that this kernel was built without, or a module that is not
// there, an errors.ErrUnsupported.
func (e *Error) Is(target error) bool {
	if target != errors.ErrUnsupported {
		return false
	}
	return errors.Is(e.Err, syscall.EOPNOTSUPP) || e.Op == "dump" && errors.Is(e.Err, syscall.ENOENT)
}

func wrap(op, table string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Table: table, Err: err}
}
