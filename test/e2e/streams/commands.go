// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
)

var commandCases = []testCase{
	{"input, its end, both outputs", outputs},
	{"exit code 3", exitCode},
	{"a command that is not there", notFound},
	{"64 MiB of output", largeOutput},
	{"64 MiB of input", largeInput},
	{"a terminal that changes its size", terminal},
	{"a connection that is idle for 12 s", idle},
	{"200 commands at a time", parallel},
	{"a client that leaves ends its command", leaving},
	{"attach", attach},
}

func outputs(ctx context.Context, c *client) error {
	var stdout, stderr bytes.Buffer
	err := c.exec(ctx, []string{"sh", "-c", "cat; echo err >&2; echo done"}, remotecommand.StreamOptions{
		Stdin: strings.NewReader("hello "), Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil {
		return err
	}
	return wanted(stdout.String()+stderr.String(), "hello done\nerr\n")
}

func exitCode(ctx context.Context, c *client) error {
	err := c.exec(ctx, []string{"sh", "-c", "exit 3"}, remotecommand.StreamOptions{Stdout: io.Discard})
	var exit utilexec.CodeExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("no exit code but %v", err)
	}
	return wanted(fmt.Sprint(exit.Code), "3")
}

func notFound(ctx context.Context, c *client) error {
	err := c.exec(ctx, []string{"no-such-program"}, remotecommand.StreamOptions{Stdout: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "executable file not found in $PATH") {
		return fmt.Errorf("got %v", err)
	}
	return nil
}

const large = 64 << 20

func largeOutput(ctx context.Context, c *client) error {
	hash := sha256.New()
	command := []string{"sh", "-c", fmt.Sprintf("yes 0123456789abcde | head -c %d", large)}
	if err := c.exec(ctx, command, remotecommand.StreamOptions{Stdout: hash}); err != nil {
		return err
	}
	return wanted(fmt.Sprintf("%x", hash.Sum(nil)), patternHash())
}

func largeInput(ctx context.Context, c *client) error {
	var stdout bytes.Buffer
	err := c.exec(ctx, []string{"sha256sum"}, remotecommand.StreamOptions{
		Stdin: io.LimitReader(pattern{}, large), Stdout: &stdout,
	})
	if err != nil {
		return err
	}
	return wanted(strings.Fields(stdout.String())[0], patternHash())
}

// throughCase sends so much into a command that sends it back, both at the same time.
func throughCase(megabytes int64) testCase {
	name := fmt.Sprintf("%d MB into a command and out of it", megabytes)
	return testCase{name, func(ctx context.Context, c *client) error {
		size := megabytes * 1e6
		sent, received := sha256.New(), sha256.New()
		count := &counter{}
		err := c.exec(ctx, []string{"cat"}, remotecommand.StreamOptions{
			Stdin:  io.TeeReader(io.LimitReader(pattern{}, size), sent),
			Stdout: io.MultiWriter(received, count),
		})
		if err != nil {
			return err
		}
		if err := wanted(fmt.Sprint(count.n), fmt.Sprint(size)); err != nil {
			return err
		}
		return wanted(fmt.Sprintf("%x", received.Sum(nil)), fmt.Sprintf("%x", sent.Sum(nil)))
	}}
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

const line = "0123456789abcde\n"

// pattern is what `yes` prints.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	n := 0
	for n+len(line) <= len(p) {
		n += copy(p[n:], line)
	}
	if n == 0 {
		n = copy(p, line)
	}
	return n, nil
}

func patternHash() string {
	hash := sha256.New()
	for i := 0; i < large; i += len(line) {
		io.WriteString(hash, line)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}

type sizes chan remotecommand.TerminalSize

func (s sizes) Next() *remotecommand.TerminalSize {
	size, ok := <-s
	if !ok {
		return nil
	}
	return &size
}

func terminal(ctx context.Context, c *client) error {
	queue := make(sizes, 2)
	defer close(queue)
	queue <- remotecommand.TerminalSize{Width: 101, Height: 33}
	input, typed := io.Pipe()
	output := newWatcher()
	done := make(chan error, 1)
	go func() {
		done <- c.exec(ctx, []string{"sh"}, remotecommand.StreamOptions{
			Stdin: input, Stdout: output, Tty: true, TerminalSizeQueue: queue,
		})
	}()
	for _, size := range []struct {
		text string
		next *remotecommand.TerminalSize
	}{{"33 101", &remotecommand.TerminalSize{Width: 44, Height: 22}}, {"22 44", nil}} {
		if err := output.typeUntil(ctx, typed, "stty size\n", size.text); err != nil {
			return err
		}
		if size.next != nil {
			queue <- *size.next
		}
	}
	fmt.Fprint(typed, "exit 7\n")
	var exit utilexec.CodeExitError
	if err := <-done; !errors.As(err, &exit) {
		return fmt.Errorf("no exit code but %v", err)
	}
	return wanted(fmt.Sprint(exit.Code), "7")
}

func idle(ctx context.Context, c *client) error {
	input, typed := io.Pipe()
	var stdout bytes.Buffer
	go func() {
		time.Sleep(12 * time.Second)
		fmt.Fprint(typed, "still here")
		typed.Close()
	}()
	err := c.exec(ctx, []string{"cat"}, remotecommand.StreamOptions{Stdin: input, Stdout: &stdout})
	if err != nil {
		return err
	}
	return wanted(stdout.String(), "still here")
}

func parallel(ctx context.Context, c *client) error {
	var group sync.WaitGroup
	failures := make(chan error, 200)
	for i := range 200 {
		group.Go(func() {
			var stdout bytes.Buffer
			text := fmt.Sprintf("number %d", i)
			err := c.exec(ctx, []string{"cat"}, remotecommand.StreamOptions{
				Stdin: strings.NewReader(text), Stdout: &stdout,
			})
			if err == nil {
				err = wanted(stdout.String(), text)
			}
			if err != nil {
				failures <- err
			}
		})
	}
	group.Wait()
	close(failures)
	return <-failures
}

func leaving(ctx context.Context, c *client) error {
	inner, leave := context.WithCancel(ctx)
	defer leave()
	output := newWatcher()
	done := make(chan error, 1)
	go func() {
		done <- c.exec(inner, []string{"sh", "-c", "echo pid=$$; sleep 1000"}, remotecommand.StreamOptions{Stdout: output})
	}()
	if err := output.until(ctx, "\n"); err != nil {
		return err
	}
	pid := strings.TrimPrefix(strings.TrimSpace(output.String()), "pid=")
	leave()
	<-done
	for ctx.Err() == nil {
		err := c.exec(ctx, []string{"kill", "-0", pid}, remotecommand.StreamOptions{Stdout: io.Discard, Stderr: io.Discard})
		if err != nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the command is still there")
}

func attach(ctx context.Context, c *client) error {
	inner, leave := context.WithCancel(ctx)
	defer leave()
	input, typed := io.Pipe()
	stdout, stderr := newWatcher(), newWatcher()
	go c.attach(inner, remotecommand.StreamOptions{Stdin: input, Stdout: stdout, Stderr: stderr})
	if err := stdout.typeUntil(ctx, typed, "one\n", "got one"); err != nil {
		return err
	}
	return stderr.until(ctx, "err")
}

func wanted(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q, wanted %q", got, want)
	}
	return nil
}

// watcher keeps what is written to it.
type watcher struct {
	lock sync.Mutex
	text strings.Builder
}

func newWatcher() *watcher { return &watcher{} }

func (w *watcher) Write(p []byte) (int, error) {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.text.Write(p)
}

func (w *watcher) String() string {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.text.String()
}

func (w *watcher) until(ctx context.Context, text string) error {
	for !strings.Contains(w.String(), text) {
		if ctx.Err() != nil {
			return fmt.Errorf("%q did not come, but %q", text, w.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// typeUntil types a line again and again until its answer comes.
func (w *watcher) typeUntil(ctx context.Context, to io.Writer, line, answer string) error {
	for {
		fmt.Fprint(to, line)
		soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		err := w.until(soon, answer)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}
