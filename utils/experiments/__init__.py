"""What takes minutes: experiments whose numbers chapters read from a record.

A module holds those of one topic. ``variants.own_rates.record()`` reads what
was recorded, and ``variants.own_rates(range(2))`` runs two seeds of it anew;
``make record`` runs all of it whose code changed.
"""
