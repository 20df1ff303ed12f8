/** English words that carry no topic; their presence says nothing about what a text is about. */
export const stopwords: ReadonlySet<string> = new Set(
  (
    'a about above after again against all also am an and any are aren as at be because been before being below between ' +
    'both but by can cannot could couldnt did didnt do does doesnt doing dont down during each either else etc every few ' +
    'for from further had has have having he hence her here hers herself him himself his how however i if im in into is ' +
    'isnt it its itself ive just let may me might more most much must my myself neither no nor not of off on once only ' +
    'or other our ours ourselves out over own per same shall she should so some such than that the their theirs them ' +
    'themselves then there thereby therefore these they this those through thus to too under until up upon us very was ' +
    'wasnt we were what when where whether which while who whom whose why will with within without would you your yours ' +
    'yourself yourselves'
  ).split(' '),
);
