"""Check an answer to an exercise: right, not yet and why, or not attempted.

The checkers of chapter NN_topic's exercises are in the module named after the
topic; `feedback` and `answers` hold what they share. A checker never raises,
whatever it is given, and says the same about the same answer.
"""
