package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"sock/inspect"
)

// lsTable holds rows until their widths and order are known. It keeps the
// text of a row's cells, one behind the other, and nothing else: a hundred
// bytes for a row.
type lsTable struct {
	columns  []*lsColumn
	sort     *lsColumn
	down     bool
	csv      bool
	noHeader bool
	usual    bool // the columns are our choice: what is empty may go

	text   []byte   // all cells
	ends   []uint32 // where each cell ends, row by row
	keys   []byte
	keyEnd []uint32
	rows   int
	widths []int
}

func newTable(r lsRequest, f *lsFlags) *lsTable {
	return &lsTable{
		columns: r.columns, sort: r.sort, down: r.down, csv: f.csv, noHeader: f.noHeader,
		usual: f.columns == "" && !f.lettered(), widths: make([]int, len(r.columns)),
	}
}

func (t *lsTable) add(s *inspect.Socket) {
	for i, c := range t.columns {
		begin := len(t.text)
		if t.csv {
			t.text = c.plain(t.text, s)
		} else {
			t.text = c.text(t.text, s)
		}
		t.ends = append(t.ends, uint32(len(t.text)))
		t.widths[i] = max(t.widths[i], utf8.RuneCount(t.text[begin:]))
	}
	if t.sort != nil {
		t.keys = t.sort.order(t.keys, s)
		t.keyEnd = append(t.keyEnd, uint32(len(t.keys)))
	}
	t.rows++
}

func (t *lsTable) cell(row, column int) []byte {
	return piece(t.text, t.ends, row*len(t.columns)+column)
}

func piece(text []byte, ends []uint32, i int) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = ends[i-1]
	}
	return text[begin:ends[i]]
}

// order gives the rows in the order asked for; those that are alike stay as
// they came.
func (t *lsTable) order() []int {
	rows := make([]int, t.rows)
	for i := range rows {
		rows[i] = i
	}
	if t.sort != nil {
		slices.SortStableFunc(rows, func(a, b int) int {
			n := bytes.Compare(piece(t.keys, t.keyEnd, a), piece(t.keys, t.keyEnd, b))
			if t.down {
				return -n
			}
			return n
		})
	}
	return rows
}

// write writes the table, at most limit characters wide; 0 is no limit.
func (t *lsTable) write(out io.Writer, limit int, emphasis func(string) string) error {
	if t.csv {
		return t.writeCSV(out)
	}
	t.settle()
	t.fit(limit)
	w := bufio.NewWriterSize(out, 64<<10)
	line := make([]byte, 0, 256)
	if !t.noHeader {
		for i, c := range t.columns {
			line = t.append(line, i, []byte(strings.ToUpper(c.name)))
		}
		if _, err := w.WriteString(emphasis(string(bytes.TrimRight(line, " "))) + "\n"); err != nil {
			return err
		}
	}
	for _, row := range t.order() {
		line = line[:0]
		for i := range t.columns {
			line = t.append(line, i, t.cell(row, i))
		}
		line = append(bytes.TrimRight(line, " "), '\n')
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}

// gap is what separates columns.
const gap = "  "

// append adds a cell to a line, cut or padded to its column's width.
func (t *lsTable) append(line []byte, column int, cell []byte) []byte {
	c, size := t.columns[column], t.widths[column]
	if size == hidden {
		return line
	}
	if column > 0 {
		line = append(line, gap...)
	}
	missing := size - utf8.RuneCount(cell)
	switch {
	case missing < 0:
		return append(line, cut(string(cell), size, c.elide)...)
	case c.right:
		return append(pad(line, missing), cell...)
	}
	return pad(append(line, cell...), missing)
}

func pad(line []byte, n int) []byte {
	for range n {
		line = append(line, ' ')
	}
	return line
}

// cut shortens a cell to size characters, of which the last or the first is "…".
func cut(cell string, size int, where elision) string {
	runes := []rune(cell)
	if where == cutHead {
		return "…" + string(runes[len(runes)-size+1:])
	}
	return string(runes[:size-1]) + "…"
}

// hidden is the width of a column that is not shown.
const hidden = -1

// settle hides columns that say nothing, and makes room for headings.
func (t *lsTable) settle() {
	for i, c := range t.columns {
		switch {
		case t.usual && t.rows > 0 && i > 0 && t.widths[i] == 0:
			t.widths[i] = hidden
		case !t.noHeader:
			t.widths[i] = max(t.widths[i], len(c.name))
		}
	}
}

// How short a column may be cut: first so that an IPv4 address and port still
// fit, then so that it still says something.
const (
	comfort = 21
	least   = 12
)

// fit makes the table at most limit wide; 0 is no limit. The widest column
// gives way first, then the other end's process goes, then all give way more,
// and then the last columns go.
func (t *lsTable) fit(limit int) {
	if limit <= 0 {
		return
	}
	t.shrink(limit, comfort)
	t.giveUp(limit, "peer-process")
	t.shrink(limit, least)
	t.giveUp(limit, "queue")
	for i := len(t.widths) - 1; i > 0 && t.total() > limit; i-- {
		t.widths[i] = hidden
	}
}

// giveUp hides one of the usual columns, if that is needed.
func (t *lsTable) giveUp(limit int, name string) {
	for i, c := range t.columns {
		if t.usual && c.name == name && t.total() > limit {
			t.widths[i] = hidden
		}
	}
}

// shrink takes from the widest column that may be cut, down to floor.
func (t *lsTable) shrink(limit, floor int) {
	for over := t.total() - limit; over > 0; over = t.total() - limit {
		widest := -1
		for i, c := range t.columns {
			if c.elide != keep && t.widths[i] > floor && (widest < 0 || t.widths[i] > t.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		step := max(1, t.widths[widest]-t.second(widest))
		t.widths[widest] -= min(over, step, t.widths[widest]-floor)
	}
}

// second is the width of the widest column but one of those that may be cut.
func (t *lsTable) second(widest int) int {
	size := 0
	for i, c := range t.columns {
		if i != widest && c.elide != keep {
			size = max(size, t.widths[i])
		}
	}
	return size
}

func (t *lsTable) total() int {
	sum := 0
	for i, w := range t.widths {
		if w == hidden {
			continue
		}
		sum += w
		if i > 0 {
			sum += len(gap)
		}
	}
	return sum
}

func (t *lsTable) writeCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	record := make([]string, len(t.columns))
	if !t.noHeader {
		for i, c := range t.columns {
			record[i] = c.name
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	for _, row := range t.order() {
		for i := range t.columns {
			record[i] = string(t.cell(row, i))
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
