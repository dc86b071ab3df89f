"""Speaks quotalab's protocol 1 on standard input and output: a line of JSON is
a question, a line of JSON is the answer. What you connect is in limiter.py;
this file can stay as it is. Each request under way has a thread."""
import json
import os
import queue
import sys
import threading
import time
import traceback

out, lock = sys.stdout, threading.Lock()
sys.stdout = sys.stderr  # whatever a library prints must not come between the answers


def say(answer):
    text = json.dumps(answer, separators=(',', ':')) + '\n'
    with lock:
        out.write(text)
        out.flush()


def kind_of(error):
    text = type(error).__name__ + ' ' + str(error)
    for word, kind in (('Timeout', 'timeout'), ('Connection', 'connection'), ('ResponseError', 'server'), ('ReadOnly', 'server')):
        if word in text:
            return kind
    return 'unexpected'


def decide(take, question):
    clock, began = time.time() * 1000, time.perf_counter()
    try:
        answer = dict(take(question['takes'][0]), clock_ms=clock)
    except Exception as error:
        traceback.print_exc()
        answer = dict(error=repr(error), kind=kind_of(error))
    say(dict(answer, id=question['id'], took_us=(time.perf_counter() - began) * 1e6))


def main():
    take, idle = None, []

    def work(questions):
        while True:
            decide(take, questions.get())
            idle.append(questions)

    for line in sys.stdin:
        question = json.loads(line)
        if 'hello' in question:
            import limiter
            about, take = limiter.make(question['hello'])
            say(dict(ready=dict(about, protocol=1)))
            continue
        try:
            questions = idle.pop()
        except IndexError:
            questions = queue.SimpleQueue()
            threading.Thread(target=work, args=(questions,), daemon=True).start()
        questions.put(question)
    os._exit(0)  # quotalab has ended


main()
