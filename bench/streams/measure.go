// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
)

type target struct {
	config   *rest.Config
	executor string
	size     int64
	count    int64
}

// measure takes the name of a row per line of its input and answers each with a line of JSON: how much was
// moved in how long, and the CPU time that it took here. `idle` holds connections until the input ends.
func measure(args []string) {
	// An API server has a large heap and seldom collects. A small one would measure what is left over: after
	// a connection that the Go project's library ends, 100 KiB for a second, so that this side then collects
	// 20 times less often than after one of ours, which leave nothing.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(256 << 20)
	flags := flag.NewFlagSet("measure", flag.ExitOnError)
	server := flags.String("server", "", "URL of the kubelet API")
	executor := flags.String("executor", "spdy", "spdy or websocket")
	megabytes := flags.Int64("mb", 512, "how much to move for each row")
	count := flags.Int64("execs", 300, "how many round trips")
	idle := flags.Int("idle", 100, "how many connections to hold")
	fail(flags.Parse(args))
	t := &target{
		config:   &rest.Config{Host: *server, TLSClientConfig: rest.TLSClientConfig{Insecure: true}},
		executor: *executor,
		size:     *megabytes * 1e6,
		count:    *count,
	}
	rows := map[string]func() (int64, error){
		"execOut":     t.execOut,
		"execIn":      t.execIn,
		"execs":       t.roundTrips,
		"portForward": t.portForward,
		"logs":        t.logs,
	}
	answers := json.NewEncoder(os.Stdout)
	for names := bufio.NewScanner(os.Stdin); names.Scan(); {
		name := names.Text()
		if name == "idle" {
			t.idle(*idle)
			fmt.Println("idle")
			continue
		}
		row, ok := rows[name]
		if !ok {
			fail(fmt.Errorf("unknown row %q", name))
		}
		start, used := time.Now(), cpu()
		amount, err := row()
		fail(err)
		fail(answers.Encode(map[string]float64{
			"amount":  float64(amount),
			"seconds": time.Since(start).Seconds(),
			"cpuMs":   cpu() - used,
		}))
	}
}

// cpu is the time that this process has used, in milliseconds.
func cpu() float64 {
	var usage syscall.Rusage
	fail(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func (t *target) exec(ctx context.Context, command []string, streams remotecommand.StreamOptions) error {
	query := url.Values{"command": command}
	if streams.Stdin != nil {
		query.Set("input", "1")
	}
	if streams.Stdout != nil {
		query.Set("output", "1")
	}
	url, err := url.Parse(t.config.Host + "/exec/default/web/c0?" + query.Encode())
	if err != nil {
		return err
	}
	var executor remotecommand.Executor
	if t.executor == "spdy" {
		executor, err = remotecommand.NewSPDYExecutor(t.config, "POST", url)
	} else {
		executor, err = remotecommand.NewWebSocketExecutor(t.config, "GET", url.String())
	}
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, streams)
}

func (t *target) execOut() (int64, error) {
	counter := &counter{}
	command := []string{"zero", fmt.Sprint(t.size)}
	err := t.exec(context.Background(), command, remotecommand.StreamOptions{Stdout: counter})
	if err == nil && counter.n != t.size {
		err = fmt.Errorf("%d bytes came", counter.n)
	}
	return t.size, err
}

func (t *target) execIn() (int64, error) {
	var stdout bytes.Buffer
	err := t.exec(context.Background(), []string{"count"}, remotecommand.StreamOptions{
		Stdin: io.LimitReader(zeros{}, t.size), Stdout: &stdout,
	})
	if err == nil && strings.TrimSpace(stdout.String()) != fmt.Sprint(t.size) {
		err = fmt.Errorf("%s bytes arrived", stdout.String())
	}
	return t.size, err
}

func (t *target) roundTrips() (int64, error) {
	for range t.count {
		err := t.exec(context.Background(), []string{"true"}, remotecommand.StreamOptions{Stdout: io.Discard})
		if err != nil {
			return 0, err
		}
	}
	return t.count, nil
}

func (t *target) portForward() (int64, error) {
	url, err := url.Parse(t.config.Host + "/portForward/default/web")
	if err != nil {
		return 0, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(t.config)
	if err != nil {
		return 0, err
	}
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", url)
	if t.executor == "websocket" {
		if dialer, err = portforward.NewSPDYOverWebsocketDialer(url, t.config); err != nil {
			return 0, err
		}
	}
	stop, ready := make(chan struct{}), make(chan struct{})
	defer close(stop)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:80"}, stop, ready, io.Discard, os.Stderr)
	if err != nil {
		return 0, err
	}
	failed := make(chan error, 1)
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return 0, err
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return 0, err
	}
	return t.size, t.roundTrip(int(ports[0].Local))
}

func (t *target) roundTrip(port int) error {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, io.LimitReader(zeros{}, t.size))
		connection.(*net.TCPConn).CloseWrite()
	}()
	n, err := io.CopyN(io.Discard, connection, t.size)
	if n != t.size {
		return fmt.Errorf("%d bytes came back: %v", n, err)
	}
	return nil
}

func (t *target) logs() (int64, error) {
	client, err := rest.HTTPClientFor(t.config)
	if err != nil {
		return 0, err
	}
	// A log of files is shorter: it is read again and again.
	var total int64
	for total < t.size-int64(len(line)) {
		n, err := t.readLog(client, t.size-total)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (t *target) readLog(client *http.Client, limit int64) (int64, error) {
	url := fmt.Sprintf("%s/containerLogs/default/web/c0?limitBytes=%d", t.config.Host, limit)
	response, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && n == 0 {
		err = fmt.Errorf("the log is empty: %s", response.Status)
	}
	return n, err
}

// idle opens so many connections on which nothing happens; the end of this process ends them.
func (t *target) idle(count int) {
	for range count {
		input, _ := io.Pipe()
		go t.exec(context.Background(), []string{"wait"}, remotecommand.StreamOptions{Stdin: input, Stdout: io.Discard})
	}
	time.Sleep(3 * time.Second)
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
