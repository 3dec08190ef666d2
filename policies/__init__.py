"""Guardrails for batch workloads on AWS, as rules on plain data.

`pulumi preview --policy-pack policies` evaluates them; `RULES.md` lists them.
Only `adapter` and `__main__` know the policy SDK.
"""
