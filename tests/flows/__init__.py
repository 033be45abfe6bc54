"""The platform as met from outside, one file a promise. After every flow the laws hold."""
