#!/usr/bin/env python3
"""NEWS2 of `homeward judge` against an independent package, vitalscore 0.1.1 from PyPI. Run by hand; CI does not.

    python3 -m venv /tmp/vitalscore && /tmp/vitalscore/bin/pip install vitalscore==0.1.1
    cargo build --release
    /tmp/vitalscore/bin/python tests/news2_against_vitalscore.py target/release/homeward

Every case goes through the program as a session, twice: once with bounds that show each total from 1 on, once with the
standard's own (amber from 5 or for a single 3, red from 7). Ends with 0 where nothing differs.
"""

import itertools
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

from vitalscore.scores.news2 import score_news2

# Both edges of every band; saturation has a band edge at nearly each value of the two scales.
BREATHS = [8, 9, 11, 12, 20, 21, 24, 25]
SATURATION = list(range(83, 98))
SYSTOLIC = [90, 91, 100, 101, 110, 111, 219, 220]
PULSE = [40, 41, 50, 51, 90, 91, 110, 111, 130, 131]
TEMPERATURE = ["35.0", "35.1", "36.0", "36.1", "38.0", "38.1", "39.0", "39.1"]
MIND = {"A": "alert", "C": "new_confusion", "V": "voice", "P": "pain", "U": "unresponsive"}

WELL = {"breaths": "16", "spo2": "97", "oxygen": False, "systolic": "120", "pulse": "70", "mind": "A", "temperature": "37.0"}

# Sessions in one case of `judge`.
BATCH = 2000


def grid():
    """Every band with every other."""
    axes = (BREATHS, SATURATION, (False, True), SYSTOLIC, PULSE, "AV", TEMPERATURE)
    for breaths, spo2, oxygen, systolic, pulse, mind, temperature in itertools.product(*axes):
        yield {"breaths": str(breaths), "spo2": str(spo2), "oxygen": oxygen, "systolic": str(systolic), "pulse": str(pulse),
               "mind": mind, "temperature": temperature}


def sweeps():
    """Every value that both take for possible, one parameter at a time, in steps finer than its rounding."""
    ranges = {"breaths": (3, 80), "spo2": (50, 100), "systolic": (30, 298), "pulse": (20, 298)}
    for oxygen in (False, True):
        for mind in MIND:
            well = WELL | {"oxygen": oxygen, "mind": mind}
            for parameter, (low, high) in ranges.items():
                for tenths in range(low * 10, high * 10 + 1):
                    yield well | {parameter: str(Decimal(tenths) / 10)}
            for hundredths in range(2500, 4501):
                yield well | {"temperature": str(Decimal(hundredths) / 100)}


def rounded(text, digits="1"):
    return Decimal(text).quantize(Decimal(digits), ROUND_HALF_UP)


def theirs(case, scale):
    """Its bands take whole numbers, and tenths of a degree."""
    return score_news2(int(rounded(case["breaths"])), float(rounded(case["spo2"])), case["oxygen"], int(rounded(case["systolic"])),
                       int(rounded(case["pulse"])), case["mind"], float(rounded(case["temperature"], "0.1")),
                       use_spo2_scale2=scale == 2)


def severity_of(score):
    return {"High": "red", "Medium": "amber", "Low": None}[score.risk.value]


def session(case, number, at):
    air = "on_oxygen" if case["oxygen"] else "on_air"
    readings = [
        ("respiratory_rate", case["breaths"], "/min", MIND[case["mind"]]), ("spo2", case["spo2"], "%", air),
        ("systolic_bp", case["systolic"], "mm[Hg]", None), ("heart_rate", case["pulse"], "/min", None),
        ("temperature", case["temperature"], "Cel", None),
    ]
    # Numbers go as they are written: none passes through a float.
    written = ",".join(
        f'{{"measure":"{measure}","value":{value},"unit":"{unit}","taken_at":"{at}","context":{json.dumps(context)}}}'
        for measure, value, unit, context in readings)
    return (f'{{"unit_id":"HU-1","session_id":"00000000-0000-4000-8000-{number:012x}","completed_at":"{at}",'
            f'"readings":[{written}],"answers":[]}}')


def rule(scale, amber_at, red_at, single_three):
    made = {"id": "news", "kind": "news2", "scale": scale, "amber_at": amber_at, "red_at": red_at, "single_three": single_three}
    return made | ({"scale_2_approved_by": "Dr Example"} if scale == 2 else {})


def ask(program, cases, made_rule):
    """What the program finds for each case: (severity, points), or None."""
    plan = {"version": 1, "reason": "comparison", "effective_from": "2020-01-01T00:00:00Z", "measures": [], "rules": [made_rule]}
    begin = datetime(2026, 1, 1, tzinfo=timezone.utc)
    sessions = ",".join(session(case, number, (begin + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"))
                        for number, case in enumerate(cases))
    program.stdin.write(f'{{"plans":[{json.dumps(plan)}],"sessions":[{sessions}]}}\n')
    program.stdin.flush()
    answer = json.loads(program.stdout.readline())
    assert not answer["problems"], answer["problems"]
    assert len(answer["sessions"]) == len(cases)
    for judged in answer["sessions"]:
        states = {reading["state"] for reading in judged["readings"]}
        assert (judged["outcome"], states) == ("stored", {"accepted"}), judged
        found = [(finding["severity"], finding["numbers"]["points"]) for finding in judged["findings"]]
        yield found[0] if found else None


def main():
    program = subprocess.Popen([sys.argv[1], "judge"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    compared = disagreements = 0
    for scale in (1, 2):
        cases = itertools.chain(grid(), sweeps())
        while batch := list(itertools.islice(cases, BATCH)):
            expected = [theirs(case, scale) for case in batch]
            # 20 is the highest total there is, and has red to itself.
            totals = ask(program, batch, rule(scale, 1, 20, "none"))
            standard = ask(program, batch, rule(scale, 5, 7, "amber"))
            for case, score, total, severity in zip(batch, expected, list(totals), standard):
                compared += 1
                shown = total[1] if total else 0
                if (shown, severity and severity[0]) != (score.total, severity_of(score)):
                    disagreements += 1
                    print(f"scale {scale} {case}: {shown} {severity}, vitalscore {score.total} {score.risk.value}")
        print(f"scale {scale}: {compared} cases compared so far, {disagreements} disagreements", flush=True)
    program.stdin.close()
    assert program.wait() == 0
    sys.exit(disagreements > 0)


if __name__ == "__main__":
    main()
